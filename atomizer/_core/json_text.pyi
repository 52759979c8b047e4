"""The parts of compact JSON that hot frames are made of. For compiled code only: nothing here is seen from Python."""
