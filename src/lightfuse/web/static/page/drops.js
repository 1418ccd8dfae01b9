/** Files dropped anywhere on the page. */

/** @param {(files: File[]) => void} onFiles */
export function listenForDrops(onFiles) {
  const dragging = (on) => document.body.classList.toggle("dragging", on);
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      dragging(true);
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) dragging(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(false);
    onFiles([...event.dataTransfer.files]);
  });
}
