"""Tests of test recipients."""
