"""What trained networks have learned: spectra of filters, waveforms that excite them, excitations, widths."""
