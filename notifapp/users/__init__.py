"""What admins decide about people: accounts, memberships, permission codes."""
