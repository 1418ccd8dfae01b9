"""``lightfuse serve``: the web page, on this machine."""

from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen at; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes any that is free.")] = 8000,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the web page: photographs are fused in the browser and never leave it. Ctrl-C ends it.

    Example: lightfuse serve --open
    """
    from lightfuse.cli.app import show
    from lightfuse.web.server import PageServer

    with PageServer(host, port) as server:
        show(f"LightFuse is at {server.url} (Ctrl-C ends it)")
        if open_:
            import webbrowser

            webbrowser.open(server.url)
        server.serve_forever()
