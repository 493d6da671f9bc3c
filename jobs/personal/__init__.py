"""What becomes of everything that is known of one person: erased, handed out, sealed anew."""
