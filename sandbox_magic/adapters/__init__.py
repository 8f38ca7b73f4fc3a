"""What frameworks for language models run code with; each module is imported only where its framework is used."""
