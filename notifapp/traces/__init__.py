"""What happened to a recipient and is in no other table: refusals, wrong codes, failed attempts, repeated claims."""
