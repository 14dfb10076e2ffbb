"""What watches over the process: its exits, its crashes, and starts that die again and again."""
