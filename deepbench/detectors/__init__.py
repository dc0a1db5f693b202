"""One file per detector: a card and the function that loads it; and what they share."""
