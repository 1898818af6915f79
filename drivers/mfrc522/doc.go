// Package mfrc522 reads card numbers with the NXP MFRC522, the 13.56 MHz reader
// chip of the RC522 modules, on SPI and without its IRQ wire.
//
// Datasheet: NXP MFRC522, "Standard performance MIFARE and NTAG frontend",
// Rev. 3.9, 27 April 2016, https://www.nxp.com/docs/en/data-sheet/MFRC522.pdf.
// Section numbers are those of that revision. Cards: ISO/IEC 14443-3, type A.
//
// # What a number is worth
//
// This is identification, not authentication. A card tells its number (UID) to
// anyone who asks, and cards that tell any number are for sale; a UID must not
// open a door whose opening matters. 4-byte UIDs are not even unique: they are
// used again by their makers. Phones and some cards make up a number each time
// (4 bytes, the first 08): such a token has the format "uid-random" instead of
// "uid" and names nobody.
//
// # How a card is read
//
// Each poll first looks whether the chip still holds its settings and sets it up
// anew if it was reset. Then:
//
//	WUPA             -> ATQA                  anybody there?
//	93 20            -> UID or 88 and its beginning, BCC
//	93 70 UID BCC CRC-> SAK, CRC              the card confirms its number
//	95 .., 97 ..                              the rest of 7 and 10-byte UIDs
//	HLTA             -> silence
//
// WUPA and not REQA, with HLTA after it: a card that was read rests and answers
// WUPA only, so that one that stays in the field is seen to stay. Without HLTA it
// would take every second WUPA for a mistake and keep silent.
//
// A number counts only if the chip saw no error, every length is right, BCC and
// the CRC of each SAK are right, cascade tag and SAK agree, and the card itself
// answered to that number. CRCs are computed here and not in the chip: a chip
// that lost its settings would otherwise pass answers without one. Two cards at
// once are no presentation.
//
// # Why not periph's mfrc522
//
// devices v3.7.4 waits for the IRQ wire, without end on GPIO lines of the
// kernel's character device, and panics in a goroutine of its own without one.
// It knows no 10-byte UID and does not check the CRC of SAK. This driver asks the
// chip (ComIrqReg) with deadlines, which needs no wire and always ends.
//
// # Wiring
//
//	module   gateway
//	SDA      chip select, CE0 of /dev/spidev0.0
//	SCK      SCLK
//	MOSI     MOSI
//	MISO     MISO
//	IRQ      not connected
//	RST      3.3 V (low is power-down)
//	3.3V     3.3 V: not 5 V, which destroys the chip
//	GND      GND
//
// SPI mode 0, 10 MHz at most. 1 MHz is the default: leads of some decimetres
// work with it, and a poll has no more than a few hundred bytes to move. Readers
// outside the cabinet want Wiegand or RS-485: SPI is a bus for a board.
//
// # Configuration
//
//	sensors:
//	  - id: gate-reader
//	    driver: mfrc522
//	    sample: 250ms
//	    port: spidev0.0
//	    speed: 1MHz
//	    gone: 4           # polls without the card until it counts as gone
//
// Without an answer the version register tells why: 0x00 or 0xff is no chip.
// The raw value shown beside the count is the version: 145 (0x91) and 146 (0x92)
// are NXP's, 136 (0x88), 137 (0x89), 178 (0xb2) and 18 (0x12) are clones, which
// work.
package mfrc522
