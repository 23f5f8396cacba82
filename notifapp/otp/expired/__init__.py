"""Codes that ended without anybody giving them back, told to their projects."""
