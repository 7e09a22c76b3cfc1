"""Floor 0: the nouns of the hotline as plain data, without any input or output."""
