"""Where things fit: token tiles and resident weights in SRAM, footprints in DRAM."""
