"""From measured data to parameters: spectra read from instrument files, and what can be learnt from them."""
