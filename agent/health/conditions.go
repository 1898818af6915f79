package health

import "time"

// Code names a condition for ever: it is sent to platforms and stands in docs.
type Code string

// The conditions known so far.
const (
	// UplinkDown: a platform cannot be reached. Subject: the platform.
	UplinkDown Code = "uplink_down"
	// UplinkFallback: a platform is reached by its second way alone. Subject: the
	// platform.
	UplinkFallback Code = "uplink_fallback"
	// UplinkRefused: a platform answered but refuses us. Subject: the platform.
	UplinkRefused Code = "uplink_refused"
	// UplinkUntrusted: no encrypted connection to a platform can be made, since one
	// side's certificate or TLS itself is wrong. Subject: the platform.
	UplinkUntrusted Code = "uplink_untrusted"
	// UplinkUnheard: a platform confirms, but does not hand our own state back to us,
	// so it may throw away what it confirms. Subject: the platform.
	UplinkUnheard Code = "uplink_unheard"
	// Plaintext: what goes to a platform is not encrypted. Subject: the platform.
	Plaintext Code = "plaintext"
	// DuplicateClientID: another device uses our name. Subject: the platform.
	DuplicateClientID Code = "duplicate_client_id"
	// SensorFault: a sensor gives no value. Subject: the sensor.
	SensorFault Code = "sensor_fault"
	// SensorBabbling: a sensor sends more events than can be true. Subject: the
	// sensor.
	SensorBabbling Code = "sensor_babbling"
	// ReaderMisreads: a card reader's frames cannot be believed. Subject: the
	// sensor.
	ReaderMisreads Code = "reader_misreads"
	// SiteKeyMissing: there is no site key, so cards have no pseudonym.
	SiteKeyMissing Code = "site_key_missing"
	// OutputFailed: the siren or relay cannot be switched. Subject: its line.
	OutputFailed Code = "output_failed"
	// BusDown: a bus is stuck or gone. Subject: the bus.
	BusDown Code = "bus_down"
	// StoreNotDurable: records are kept in memory only.
	StoreNotDurable Code = "store_not_durable"
	// StoreQuarantined: a damaged store was set aside at this start.
	StoreQuarantined Code = "store_quarantined"
	// StoreNearlyFull: the store is close to its cap.
	StoreNearlyFull Code = "store_nearly_full"
	// RecordsLost: records were given up before every platform had them.
	RecordsLost Code = "records_lost"
	// ClockUnsynced: nothing outside has set the clock.
	ClockUnsynced Code = "clock_unsynced"
)

// Severity orders conditions. The higher the number, the worse.
type Severity uint8

// The severities. The zero value is none of them.
const (
	// Info is worth knowing and needs nobody.
	Info Severity = iota + 1
	// Warning needs a person this week.
	Warning
	// Critical needs a person today.
	Critical
)

// String is the word used on the wire and in metrics.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Critical:
		return "critical"
	}
	return "invalid"
}

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Text is one sentence in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// In is the text in Chinese for "zh", else in English where there is any.
func (t Text) In(lang string) string {
	if lang != "zh" && t.EN != "" {
		return t.EN
	}
	return t.ZH
}

// Condition is the declaration of something wrong or notable.
type Condition struct {
	Code     Code
	Severity Severity
	// Title says what is wrong; Remedy is the one thing to do. Both are written
	// for a property manager. Where the condition has a subject, Title goes on after
	// the subject's name and a colon: "Pump pit: cannot be read".
	Title, Remedy Text
	// DependsOn lists causes. While a cause is shown for the same subject, its
	// parent or the whole gateway, this condition is hidden: it is a consequence.
	DependsOn []Code
	// VisibleAfter hides what goes away by itself. A cause never waits longer
	// than what depends on it, so that nothing appears only to be explained away.
	VisibleAfter time.Duration
}

// Conditions is the whole list, in the order of importance within a severity.
func Conditions() []Condition {
	return append(sensorConditions(), append(storeConditions(), uplinkConditions()...)...)
}

func sensorConditions() []Condition {
	return []Condition{{
		Code: BusDown, Severity: Critical,
		Title:  Text{"总线不通，接在上面的传感器都读不到", "bus is down; none of its sensors can be read"},
		Remedy: Text{"请检查这条线的接线和供电，松动处重新插紧", "Check the wiring and power of this line and push loose plugs back in"},
	}, {
		Code: SensorFault, Severity: Critical,
		Title:     Text{"读不到数据", "cannot be read"},
		Remedy:    Text{"请到现场检查这个传感器的接线和供电", "Check this sensor's wiring and power on site"},
		DependsOn: []Code{BusDown},
	}, {
		Code: ReaderMisreads, Severity: Warning,
		Title:     Text{"刷卡数据读不准", "its data cannot be trusted"},
		Remedy:    Text{"请检查读卡器的数据线和共地", "Check the reader's data lines and its common ground"},
		DependsOn: []Code{SensorFault, BusDown},
	}, {
		Code: SensorBabbling, Severity: Warning,
		Title:  Text{"不停地重复触发，事件已合并记录", "keeps triggering; its events are counted together"},
		Remedy: Text{"请检查触点是否松动、受潮或被卡住", "Check whether its contact is loose, wet or jammed"},
	}, {
		Code: OutputFailed, Severity: Critical,
		Title:  Text{"声光报警器接不通", "the siren cannot be switched"},
		Remedy: Text{"请检查配置中的输出引脚和继电器接线，报警期间请安排人员值守", "Check the output line in the configuration and the relay's wiring; have somebody on watch meanwhile"},
	}, {
		Code: SiteKeyMissing, Severity: Warning,
		Title:  Text{"没有可用的卡号密钥，刷卡记录不含身份", "There is no site key; cards are recorded without identity"},
		Remedy: Text{"请让维护人员检查配置中的密钥文件及其权限", "Ask maintenance to check the key file named in the configuration and its mode"},
	}}
}

func storeConditions() []Condition {
	return []Condition{{
		Code: StoreNotDurable, Severity: Critical,
		Title:  Text{"存储写不进去，数据暂存在内存，断电会丢失", "Storage cannot be written; data is in memory and a power cut would lose it"},
		Remedy: Text{"请联系维护人员更换存储卡，之前不要断电", "Ask maintenance to replace the storage card; do not cut the power before that"},
	}, {
		Code: RecordsLost, Severity: Critical,
		Title:  Text{"有一部分记录没能送达平台，已经丢失", "Some records were lost before they reached the platform"},
		Remedy: Text{"请联系维护人员，查看事件里写明的时间段", "Ask maintenance to look up the period named in the events"},
	}, {
		Code: StoreNearlyFull, Severity: Warning,
		Title:  Text{"存储快满了，将放弃最早的读数", "Storage is nearly full; the oldest readings will be given up"},
		Remedy: Text{"请尽快恢复与平台的网络连接", "Restore the network connection to the platform soon"},
	}, {
		Code: StoreQuarantined, Severity: Warning,
		Title:  Text{"存储曾经损坏，已自动隔离并启用新的存储", "Storage was damaged; it was set aside and a new one is in use"},
		Remedy: Text{"请安排更换存储卡，并确认供电稳定", "Have the storage card replaced and make sure the power supply is steady"},
	}}
}

func uplinkConditions() []Condition {
	return []Condition{{
		Code: DuplicateClientID, Severity: Critical,
		Title:  Text{"另一台设备在使用本网关的编号，两台互相挤下线", "another device uses this gateway's id; they push each other offline"},
		Remedy: Text{"请找出编号重复的网关，改掉其中一台；若没有，请让平台核对本网关的写权限", "Find the gateway with the same id and change one of the two; if there is none, ask the platform what this gateway may write"},
	}, {
		Code: UplinkRefused, Severity: Critical,
		Title:     Text{"拒绝了本网关", "refuses this gateway"},
		Remedy:    Text{"请让平台核对本网关的编号、密码或证书", "Ask the platform to check this gateway's id, password or certificate"},
		DependsOn: []Code{DuplicateClientID},
	}, {
		Code: UplinkUntrusted, Severity: Critical,
		Title:     Text{"建立不了加密连接", "no encrypted connection can be made"},
		Remedy:    Text{"请让维护人员按所写的原因核对证书和服务器名", "Ask maintenance to check certificates and server name, as the reason says"},
		DependsOn: []Code{UplinkRefused, DuplicateClientID},
		// A server that is being set up ends handshakes too.
		VisibleAfter: 10 * time.Second,
	}, {
		Code: UplinkDown, Severity: Warning,
		Title:     Text{"连接中断，数据先存在本机", "cannot be reached; data is kept on this gateway"},
		Remedy:    Text{"请检查网线、路由器或物联网卡流量", "Check the network cable, the router or the SIM card's data plan"},
		DependsOn: []Code{UplinkRefused, UplinkUntrusted, DuplicateClientID},
		// Dialling anew after a broker restart or a router's lease change takes
		// seconds; nobody needs to be told of that.
		VisibleAfter: 10 * time.Second,
	}, {
		Code: UplinkUnheard, Severity: Warning,
		Title:        Text{"可能在丢弃本网关发送的数据", "may be throwing away what this gateway sends"},
		Remedy:       Text{"请让平台核对本网关在代理上的读写权限", "Ask the platform to check what this gateway may write and read at its broker"},
		DependsOn:    []Code{UplinkDown, UplinkRefused, UplinkUntrusted, DuplicateClientID},
		VisibleAfter: 10 * time.Second,
	}, {
		Code: UplinkFallback, Severity: Info,
		Title:  Text{"MQTT 连不上，报警、事件和读数改走 HTTPS", "not reached by MQTT; alarms, events and readings go by HTTPS"},
		Remedy: Text{"如果一直不恢复，请让网络管理员放行 MQTT 端口", "If it stays so, ask whoever runs the network to let the MQTT port through"},
	}, {
		Code: Plaintext, Severity: Info,
		Title:  Text{"发往这里的数据没有加密，沿途任何人都能看到", "what goes there is not encrypted; anyone on the way can read it"},
		Remedy: Text{"请让维护人员在配置中改用 tls://", "Ask maintenance to write tls:// in the configuration"},
	}, {
		Code: ClockUnsynced, Severity: Info,
		Title:  Text{"时间未校准，记录的时间可能不准", "The clock is not set; recorded times may be wrong"},
		Remedy: Text{"请确认网关能上网，时间会自动校准", "Make sure the gateway reaches the network; the clock then sets itself"},
		// After a boot, time comes with the network.
		VisibleAfter: time.Minute,
	}}
}
