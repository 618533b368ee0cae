"""What clients see: the port, WebSocket and HTTP, answers healthy or broken."""
