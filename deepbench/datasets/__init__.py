"""One file per data set: a card and the function that lists its videos."""
