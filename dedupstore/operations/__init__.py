"""What one can do with a repository: one module or package each; none imports another."""
