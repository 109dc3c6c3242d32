"""Where runs, results and ledgers are kept: SQLite by default, another database by URL."""
