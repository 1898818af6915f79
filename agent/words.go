package main

import (
	"strings"

	"watchpost/drivers"
)

// word picks one of "中文|English".
func word(both string, zh bool) string {
	chinese, english, _ := strings.Cut(both, "|")
	if zh {
		return chinese
	}
	return english
}

// quantityWord is what a quantity is called; its code where there is no word.
func quantityWord(q drivers.Quantity, zh bool) string {
	words := map[drivers.Quantity]string{
		drivers.Level: "水位|level", drivers.Smoke: "烟雾|smoke",
		drivers.Door: "门|door", drivers.DoorForced: "强行开门|forced", drivers.DoorHeld: "门未关|held",
		drivers.Card: "刷卡次数|cards", drivers.Misread: "误读次数|misreads",
	}
	if both, ok := words[q]; ok {
		return word(both, zh)
	}
	return string(q)
}

// contactWord is the state of a contact.
func contactWord(q drivers.Quantity, active, zh bool) string {
	words := map[drivers.Quantity][2]string{
		drivers.Smoke: {"正常|normal", "报警|alarm"},
		drivers.Door:  {"关闭|closed", "打开|open"},
	}
	pair, ok := words[q]
	if !ok {
		pair = [2]string{"否|no", "是|yes"}
	}
	if active {
		return word(pair[1], zh)
	}
	return word(pair[0], zh)
}

// qualityWord is a quality, and why where there is no value.
func qualityWord(quality string, zh bool) string {
	words := map[string]string{"good": "正常|good", "uncertain": "存疑|uncertain", "fault": "故障|fault", "none": "等待|waiting"}
	if both, ok := words[quality]; ok {
		return word(both, zh)
	}
	return quality
}

// amount is a number with its unit; counts and switches have none to show.
func amount(d drivers.Decimal, u drivers.Unit) string {
	switch u {
	case drivers.Count, drivers.Switch, "":
		return d.String()
	}
	return d.String() + " " + string(u)
}
