"""Channels: one file each, one class each; they carry a `Message` outside."""
