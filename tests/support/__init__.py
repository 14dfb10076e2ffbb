"""What several tests share: processes, receivers."""
