"""Floor 3: the inbox rule, conversations that become drafts, and the life of a draft."""
