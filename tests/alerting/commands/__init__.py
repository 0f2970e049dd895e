"""Tests of what people ask the router to do."""
