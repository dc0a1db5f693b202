"""What a person starts: notebooks and commands."""
