"""The web page (``static/``), the small server that ``lightfuse serve`` runs, and how the WebAssembly core is built."""
