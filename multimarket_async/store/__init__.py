"""The storage seam."""
