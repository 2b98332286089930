"""Pages: what a command found or made, as one HTML file to look at: each command has a module with its `page`."""
