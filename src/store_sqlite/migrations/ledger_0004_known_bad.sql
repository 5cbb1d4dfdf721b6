-- device::KnownBad::name of the certificate shown, or of the device that was refused; '' for none.
ALTER TABLE connection ADD COLUMN known_bad TEXT NOT NULL DEFAULT '';
