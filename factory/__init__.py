"""What the certificate factory knows: pure rules, drawing and sealing; no clock, wire or disk."""
