package mfrc522

// Registers (datasheet section 9.2, table 20).
const (
	regCommand    = 0x01
	regComIrq     = 0x04
	regError      = 0x06
	regFIFOData   = 0x09
	regFIFOLevel  = 0x0A
	regControl    = 0x0C
	regBitFraming = 0x0D
	regMode       = 0x11
	regTxMode     = 0x12
	regRxMode     = 0x13
	regTxControl  = 0x14
	regTxASK      = 0x15
	regTMode      = 0x2A
	regTPrescaler = 0x2B
	regTReloadH   = 0x2C
	regTReloadL   = 0x2D
	regVersion    = 0x37
)

// Commands and bits of CommandReg (9.3.1.2, 10.3).
const (
	cmdIdle       = 0x00
	cmdTransceive = 0x0C
	cmdSoftReset  = 0x0F
	cmdMask       = 0x0F
	cmdPowerDown  = 0x10 // read as 1 until the chip has woken
)

// Bits of ComIrqReg (9.3.1.5). Set1 is write-only and so read as 0.
const (
	irqSet1  = 0x80
	irqRx    = 0x20
	irqIdle  = 0x10
	irqErr   = 0x02
	irqTimer = 0x01
	irqAll   = 0x7F // written: clears them all
)

// errCollision is bit CollErr of ErrorReg (9.3.1.7).
const errCollision = 0x08

const (
	fifoFlush    = 0x80 // FIFOLevelReg (9.3.1.11); write-only and so read as 0
	rxLastBits   = 0x07 // ControlReg (9.3.1.13): valid bits of the last byte, 0 for all
	startSend    = 0x80 // BitFramingReg (9.3.1.14)
	antennaBoth  = 0x03 // TxControlReg (9.3.2.5): Tx1RFEn and Tx2RFEn
	noChipHigh   = 0xFF // a data line nobody drives
	noChipLow    = 0x00 // a data line held low
	addressRead  = 0x80 // SPI address byte (8.1.2.3)
	addressMask  = 0x7E
	mostTransfer = 16 // bytes of our longest SPI transfer, with room
)

// setting is a register and what it is set to.
type setting struct{ register, value byte }

// settings are written after a reset, in this order. The field comes last.
var settings = [...]setting{
	{regTxMode, 0x00}, // 106 kBd; the CRC is ours, see doc.go
	{regRxMode, 0x00},
	{regTMode, 0x80},      // TAuto: the timer runs from the end of sending to the first bits of an answer
	{regTPrescaler, 0xA9}, // 13.56 MHz / (2*169+1) = 40 kHz
	{regTReloadH, 0x00},
	{regTReloadL, 0x4F},  // (79+1) / 40 kHz = 2 ms, twenty times what a card may take
	{regTxASK, 0x40},     // Force100ASK
	{regMode, 0x3D},      // TxWaitRF, CRC preset 6363h
	{regTxControl, 0x83}, // reset value 80h and both antenna drivers
}

// kept are the registers looked at in each poll. All but the version differ from
// their reset values (9.2), so a chip that lost its power shows.
var kept = [...]byte{regVersion, regTMode, regTPrescaler, regTReloadL, regTxASK, regTxControl}

// known reports whether v is a version this driver was written for: 0x91 and
// 0x92 are NXP's (9.3.4.8), 0x90 is Philips's first one; 0x88, 0x89 and 0xB2 are
// Fudan's FM17522 family and 0x12 a counterfeit, all sold as RC522
// (https://github.com/miguelbalboa/rfid, MFRC522.h).
func known(v byte) bool {
	switch v {
	case 0x91, 0x92, 0x90, 0x88, 0x89, 0xB2, 0x12:
		return true
	}
	return false
}
