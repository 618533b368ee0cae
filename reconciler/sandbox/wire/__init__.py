"""What clients see: the port, WebSocket and HTTP."""
