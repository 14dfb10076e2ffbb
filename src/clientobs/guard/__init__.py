"""What watches over the process: its exits now; crashes, hangs and overhead are to come."""
