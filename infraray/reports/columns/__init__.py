"""Tables as data: each is one list of columns that feeds the page, Markdown, the terminal and CSV."""
