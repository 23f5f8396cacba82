"""Users and their memberships and permission codes, managed by admins."""
