"""Floor 4: the HTTP surfaces. Bytes are bounded here, then handed down; nothing is decided here."""
