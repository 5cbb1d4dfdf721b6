"""What the system and interop tests stand on: a made-up phone maker (pki), the real program (server), a TLS client."""
