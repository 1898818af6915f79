package health

// Reason is a sensor's reason (drivers.Reason) in words.
type Reason struct {
	// What says what is wrong, to follow a sensor's name.
	What Text
	// Advice is what to look at first, written for whoever stands before the
	// wiring.
	Advice Text
}

// Reasons has words for every reason drivers give, by its code.
func Reasons() map[string]Reason {
	all := map[string]Reason{}
	for _, group := range []map[string]Reason{loopReasons(), busReasons(), readerReasons()} {
		for code, reason := range group {
			all[code] = reason
		}
	}
	return all
}

func loopReasons() map[string]Reason {
	return map[string]Reason{
		"broken_wire": {
			Text{"信号线断开", "the signal wire is broken"},
			Text{"检查变送器的两根线、24 V 供电和正负极", "check the transmitter's two wires, its 24 V supply and its polarity"}},
		"loop_overcurrent": {
			Text{"信号线短路或电流过大", "the signal loop is shorted or carries too much current"},
			Text{"检查两根信号线是否碰在一起，探头是否进水", "check whether the two wires touch and whether water is in the probe"}},
		"under_range": {
			Text{"低于量程", "below the measuring range"},
			Text{"探头可能露出水面，或量程设置不对", "the probe may hang above the water, or the span is set wrong"}},
		"over_range": {
			Text{"超出量程", "above the measuring range"},
			Text{"水位超过探头量程，或量程设置不对", "the level is beyond the probe's span, or the span is set wrong"}},
		"between_bands": {
			Text{"电流在量程边缘", "the loop current is at the edge of the range"},
			Text{"检查接线端子是否松动、24 V 供电是否偏低", "check for a loose terminal and a low 24 V supply"}},
		"no_echo": {
			Text{"没有收到回波", "it gets no echo"},
			Text{"检查探头是否对准水面，有没有超出测距范围", "check that the probe looks at the water and that the water is within its range"}},
		"interference": {
			Text{"受到同类设备干扰", "others of its kind disturb it"},
			Text{"超声波探头：移开一些或改变朝向；读卡器：一次只刷一张卡", "ultrasonic probes: move them apart or turn one; reader: present one card at a time"}},
		"blind_zone": {
			Text{"水面或杂物离探头太近", "something is too near to the probe"},
			Text{"清除探头前的杂物；探头要装得比最高水位高出盲区", "clear what is before the probe; mount it above the highest water by its blind zone"}},
		"bad_value": {
			Text{"仪表报告没有有效值", "the meter itself says that it has no value"},
			Text{"看仪表自己的显示和说明书中的故障代码", "look at the meter's own display and the fault codes in its manual"}},
	}
}

func busReasons() map[string]Reason {
	return map[string]Reason{
		"no_answer": {
			Text{"没有应答，请检查接线和供电", "it does not answer; check wiring and power"},
			Text{"检查供电、地址；RS-485 试着对调 A、B 线，核对波特率", "check power and address; on RS-485 try exchanging A and B and check the baud rate"}},
		"not_ready": {
			Text{"未能及时完成测量", "it did not finish in time"},
			Text{"检查供电电压；多次出现请更换模块", "check its supply voltage; replace the module if this goes on"}},
		"bad_answer": {
			Text{"应答有误，可能受干扰", "its answer is garbled; there may be interference"},
			Text{"检查屏蔽、共地和终端电阻，核对波特率和校验位", "check shield, common ground and termination, and the baud rate and parity"}},
		"refused": {
			Text{"设备拒绝了请求", "the device refuses the request"},
			Text{"核对寄存器地址和功能码是否与说明书一致", "compare register and function with the device's manual"}},
		"bus_down": {
			Text{"总线不通", "its bus is down"},
			Text{"逐个拔下总线上的设备，看是哪一个拉住了总线", "unplug the devices of this bus one by one to find the one that holds it"}},
		"missing": {
			Text{"网关上没有这个接口", "the gateway has no such port"},
			Text{"检查接口是否启用、转换器是否插好、配置中的名称是否正确", "check that the port is enabled, its adapter plugged in, and its name in the configuration right"}},
		"no_access": {
			Text{"没有权限打开这个接口", "it may not open this port"},
			Text{"用 watchpost 用户运行；把用户加入 i2c、spi、gpio、dialout 组后重新登录或重启", "run it as the user watchpost; put the user into the groups i2c, spi, gpio, dialout, then log in again or restart"}},
		"stuck": {
			Text{"读取卡住，没有返回", "reading it hangs"},
			Text{"给这个模块断电再上电；仍然如此请更换", "cut this module's power and give it back; replace it if that does not help"}},
		"bad_wiring": {
			Text{"接线或设置不对", "wiring or settings are wrong"},
			Text{"核对配置中的引脚、地址与实际接线", "compare pins and addresses in the configuration with the wiring"}},
		"broken": {
			Text{"读取出错，详见日志", "reading it fails; the log says why"},
			Text{"查看日志中的错误原文", "read the error in the log"}},
	}
}

func readerReasons() map[string]Reason {
	return map[string]Reason{
		"line_stuck": {
			Text{"读卡器数据线电平不对", "a data line of the reader rests at the wrong level"},
			Text{"检查 D0、D1 是否接到地、读卡器是否供电、是否共地", "check whether D0 or D1 touches ground, whether the reader has power, and the common ground"}},
		"swapped_lines": {
			Text{"读卡器 D0、D1 接反", "the reader's D0 and D1 are exchanged"},
			Text{"对调 D0、D1 两根线", "exchange the D0 and D1 wires"}},
		"parity_errors": {
			Text{"读卡器数据校验错误", "the reader's frames have parity errors"},
			Text{"检查屏蔽和共地，核对读卡器的输出格式", "check shield and common ground, and the reader's output format"}},
		"noise": {
			Text{"读卡器数据线有干扰，位数不对", "noise on the reader's lines: frames of wrong length"},
			Text{"让数据线远离电源线和门锁线，使用屏蔽线，核对输出格式", "keep the data lines away from mains and lock wiring, use shielded cable, check the output format"}},
		"overrun": {
			Text{"读卡器数据来得太快，有丢失", "the reader spoke faster than it was listened to"},
			Text{"网关负载过高，或数据线上有强干扰", "the gateway is overloaded, or there is strong noise on the lines"}},
	}
}
