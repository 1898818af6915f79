// Package a02yyuw reads the water level from an ultrasonic distance sensor that
// looks down on the water and tells the distance over a UART: DFRobot's A02YYUW
// (SEN0311) and its newer sister SEN0754, JSN-SR04T and AJ-SR04M.
//
// # Frame
//
//	FF Hi Lo SUM      distance in mm = Hi<<8 | Lo, SUM = low byte of FF+Hi+Lo
//
// (https://wiki.dfrobot.com/sen0311/docs/21651). Both data bytes and the sum can
// be FF. So after a wrong sum one byte is given up and not four, and a sum that
// fits on a distance of 32768 mm and more is taken for a false start: FF 01 FF FF
// (511 mm), sent again and again and read from its third byte on, would else be
// 65281 mm for ever. And a frame right after a wrong one is not believed: one bit
// flipped between frames of 767 mm, FF 02 FF 04 FF 02 FF 00, would else give
// 1279 mm from the second byte on. A frame that silence tore apart is given up:
// FF 09 and, a cycle later, FF 07 A1 A7 would be 2559 mm. Distances above 32768
// mm are told of the newer firmware's two codes only
// (https://wiki.dfrobot.com/sen0754/docs/24696):
//
//	FF FF FD FB       no object: fault, no_echo
//	FF FF FE FC       disturbed by another sensor: fault, interference (SEN0754)
//
// A sum of eight bits lets one false frame in 65536 bytes of noise pass. A level
// is therefore only told when at least half of the bytes that came were frames.
//
// # Models
//
//	model      blind up to  sees up to  frames
//	a02yyuw    30 mm        4500 mm     each 100 to 300 ms
//	sen0754    30 mm        4500 mm     each 100 ms, at 115200 baud
//	jsn-sr04t  250 mm       6000 mm     each 100 ms, or when sent 55
//	aj-sr04m   200 mm       8000 mm     each 100 ms, or when sent 01
//
// The blind zones are those ESPHome found (components a02yyuw and jsn_sr04t). How
// far JSN-SR04T and AJ-SR04M see is what their sellers say, and differs between
// versions: Opts.Range and Opts.Blind overrule the table.
//
// # Filter
//
// A reading is the median of the newest frames, the lower one of two: a single
// stray echo does not move it. If half of them or more have no distance, the
// reading is a fault with their reason.
//
// # Wiring
//
//	sensor VCC -- 3.3 V or 5 V      sensor TX -- gateway RX
//	sensor GND -- GND               sensor RX -- gateway TX, needed to trigger only
//
// A sensor supplied with 5 V needs a divider from its TX to a 3.3 V input.
// A02YYUW: RX left open or high gives filtered values, RX low the newest one.
// JSN-SR04T: 47 kilohm at its mode pads make it send by itself, 120 kilohm on
// being asked. The blind zone must end above the highest water: hang it higher.
//
// # Configuration
//
//	sensors:
//	  - id: basement-water
//	    driver: a02yyuw
//	    port: ttyS1
//	    height: 2.4m         # of the sensor's face above the zero of the level
//	    model: a02yyuw       # a02yyuw, sen0754, jsn-sr04t or aj-sr04m
//	    mode: auto           # auto: sends by itself; trigger: sends when asked
//	    baud: 9600           # sen0754: 115200
//	    median: 5
package a02yyuw
