package alarm

// Advice is the one thing to do now about an alarm of a kind, in Chinese for
// "zh" and in English otherwise, for whoever is on duty. A configuration may say
// something better for a sensor. It never says that there is no danger.
func Advice(kind Kind, lang string) string {
	type both struct{ zh, en string }
	all := map[Kind]both{
		LevelHigh:  {"派人到现场看水位和水泵，必要时断电、设挡水板并疏散人员", "Send somebody to look at the water and the pump; cut the power, set flood boards and get people out if needed"},
		Smoke:      {"立即派人查看；有火情马上疏散并拨打 119", "Send somebody at once; if there is fire, evacuate and call the fire brigade (119)"},
		DoorOpen:   {"派人查看这扇门，确认后关好", "Send somebody to look at the door and close it"},
		DoorForced: {"派人查看这扇门，必要时报警 110", "Send somebody to look at the door; call the police (110) if needed"},
		Fault:      {"派人检查这个传感器的接线和供电；修好之前由人巡查", "Have the sensor's wiring and power checked; have somebody look in person until it is mended"},
		Stale:      {"派人检查这个传感器；它没有任何消息，修好之前由人巡查", "Have the sensor checked: it says nothing; have somebody look in person until it is mended"},
		BusDown:    {"派人检查这条线上的接线和供电；修好之前由人巡查", "Have the wiring and power of this bus checked; have somebody look in person until it is mended"},
		DoorHeld:   {"提醒附近的人关门，检查闭门器", "Have the door closed and its closer checked"},
	}
	text, ok := all[kind]
	if !ok {
		text = both{"派人到现场查看", "Send somebody to look"}
	}
	if lang == Chinese {
		return text.zh
	}
	return text.en
}
