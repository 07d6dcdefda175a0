"""Tables as data: each is one list of columns, from which the page, Markdown, the terminal and CSV are made."""
