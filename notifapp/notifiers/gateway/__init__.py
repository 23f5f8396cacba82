"""What the gateways share: what a backend is, its settings, HTTP and SMTP connections, the guard on destinations."""
