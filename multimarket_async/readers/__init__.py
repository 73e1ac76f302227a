"""WHO LOOKS: tables, exports, counts, verification. Readers write nothing."""
