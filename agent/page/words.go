package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"watchpost/agent/health"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// lang is a language of the page.
type lang string

const (
	zh lang = "zh"
	en lang = "en"
)

func (l lang) of(t health.Text) string { return t.In(string(l)) }

// other is the language to switch to.
func (l lang) other() lang {
	if l == en {
		return zh
	}
	return en
}

// words is every fixed text of the page by its key. {n} and {x} stand for what
// is filled in.
func words() map[string]health.Text {
	return map[string]health.Text{
		"switch": {ZH: "English", EN: "中文"},
		"live":   {ZH: "实时", EN: "live"},
		"lost":   {ZH: "与网关失去联系，以下是旧数据，截至", EN: "No contact with the gateway. What follows is old, as of"},
		"noscript": {
			ZH: "本页每 30 秒自动刷新", EN: "This page reloads every 30 seconds"},

		"login":          {ZH: "登录", EN: "Log in"},
		"logout":         {ZH: "退出", EN: "log out"},
		"back":           {ZH: "返回", EN: "Back"},
		"login.name":     {ZH: "您的姓名", EN: "Your name"},
		"login.password": {ZH: "密码", EN: "Password"},
		"login.plain":    {ZH: "密码只用于本网关，请不要与其他账号共用", EN: "This password is for this gateway only; use it nowhere else"},
		"login.wrong":    {ZH: "密码或安装码不对", EN: "The code or password is wrong"},
		"login.wait":     {ZH: "错误次数太多，请 {n} 秒后再试", EN: "Too many wrong tries; try again in {n} s"},
		"login.length":   {ZH: "密码需要 8 至 128 个字符，不能与安装码相同", EN: "A password has 8 to 128 characters and is not the code"},
		"login.noname":   {ZH: "请填写姓名（最多 40 个字）", EN: "Please give a name, 40 characters at most"},
		"login.again":    {ZH: "页面已过期，请返回重试", EN: "This page is out of date; go back and try again"},
		"login.broken":   {ZH: "密码文件读写出错，请联系维护人员", EN: "The password file cannot be used; ask maintenance"},
		"setup.title":    {ZH: "设置密码", EN: "Choose a password"},
		"setup.hint":     {ZH: "首次使用：请输入一次性安装码并设置密码。安装码在网关数据目录的 setup-code 文件里，或在网关上运行 watchpost password 查看。", EN: "First use: enter the one-time code and choose a password. The code is in the file setup-code in the gateway's data directory; the command watchpost password prints it."},
		"setup.code":     {ZH: "安装码", EN: "One-time code"},
		"setup.password": {ZH: "新密码", EN: "New password"},
		"setup.link":     {ZH: "设置密码", EN: "Set up"},
		"setup.do":       {ZH: "设置密码", EN: "Choose password"},
		"ack":            {ZH: "我知道了", EN: "Acknowledge"},
		"ack.note":       {ZH: "备注（可不填）", EN: "Note (optional)"},
		"alarm.where":    {ZH: "地点：", EN: "Where: "},
		"alarm.todo":     {ZH: "现在：", EN: "Now: "},
		"alarm.call":     {ZH: "电话：", EN: "Call: "},
		"ack.over":       {ZH: "这个报警已经结束，不用再点了", EN: "This alarm is over; nothing is left to acknowledge"},
		"ack.memory":     {ZH: "已知晓，但没能存盘：断电后要再点一次“我知道了”", EN: "Acknowledged, but not kept on storage: after a power cut it has to be acknowledged again"},
		"ack.failed":     {ZH: "没能记下来", EN: "The alarm was not acknowledged"},

		"refuse.foreign": {ZH: "这个表单来自别的网站，没有执行", EN: "this form came from another site; nothing was done"},
		"refuse.method":  {ZH: "本页只回答 GET 和 HEAD 请求", EN: "only GET and HEAD are answered"},
		"refuse.name":    {ZH: "本网关不用这个名字，请用它的 IP 地址打开", EN: "this gateway is not known by that name; open it by its IP address"},
		"refuse.form":    {ZH: "这个表单无法读取", EN: "this form cannot be read"},
		"refuse.made":    {ZH: "无法生成，原因见日志", EN: "this could not be made; the log says why"},
		"refuse.streams": {ZH: "同时打开的页面太多，本页改为定时刷新", EN: "too many open pages; this one will poll"},
		"refuse.sensor":  {ZH: "没有这个传感器", EN: "there is no such sensor"},
		"refuse.hours":   {ZH: "hours 应为 1 到 24 的整数", EN: "hours is a whole number from 1 to 24"},
		"refuse.history": {ZH: "没有这个传感器和读数的曲线", EN: "no history is kept of such a sensor and quantity"},

		"ok":           {ZH: "一切正常", EN: "All is well"},
		"ok.note":      {ZH: "{n} 个传感器，最近读数", EN: "{n} sensors, newest reading"},
		"alarm":        {ZH: "{n} 个报警：{x}", EN: "{n} alarm: {x}"},
		"alarm.many":   {ZH: "{n} 个报警：{x}", EN: "{n} alarms: {x}"},
		"alarm.acked":  {ZH: "报警已知晓，尚未恢复：{x}", EN: "Alarm acknowledged, not over yet: {x}"},
		"fault":        {ZH: "{x}读不到数据", EN: "{x} cannot be read"},
		"fault.many":   {ZH: "{n} 个传感器读不到数据：{x}", EN: "{n} sensors cannot be read: {x}"},
		"stale":        {ZH: "{x}的数据已过时", EN: "The data of {x} is stale"},
		"stale.many":   {ZH: "{n} 个传感器的数据已过时：{x}", EN: "The data of {n} sensors is stale: {x}"},
		"uplink":       {ZH: "平台连接中断，{n} 条数据已安全保存在本机", EN: "The platform cannot be reached; {n} records are stored safely here"},
		"uplink.ram":   {ZH: "平台连接中断，{n} 条数据暂存在内存", EN: "The platform cannot be reached; {n} records are held in memory"},
		"clock":        {ZH: "时间未校准，记录时间可能不准", EN: "The clock is not set; recorded times may be wrong"},
		"waiting":      {ZH: "正在启动，等待第一批读数", EN: "Starting; waiting for the first readings"},
		"none":         {ZH: "尚未配置传感器", EN: "No sensors are configured"},
		"none.note":    {ZH: "请安装人员在配置文件中填写传感器，然后重启网关", EN: "The installer adds them to the configuration file and restarts the gateway"},
		"lasts":        {ZH: "已持续", EN: "for"},
		"last.value":   {ZH: "最后有效值", EN: "last good value"},
		"unknown":      {ZH: "未知", EN: "unknown"},
		"about":        {ZH: "约", EN: "about"},
		"list.comma":   {ZH: "、", EN: ", "},
		"reason.open":  {ZH: "：", EN: ": "},
		"reason.other": {ZH: "原因不明，请查看日志", EN: "unknown reason; see the log"},

		"head.alarms":   {ZH: "报警", EN: "Alarms"},
		"head.notes":    {ZH: "需要处理", EN: "Needs attention"},
		"head.sensors":  {ZH: "传感器", EN: "Sensors"},
		"head.uplink":   {ZH: "上传平台", EN: "Platform"},
		"head.store":    {ZH: "本机存储", EN: "Storage"},
		"head.events":   {ZH: "最近事件", EN: "Recent events"},
		"head.gateway":  {ZH: "网关", EN: "Gateway"},
		"events.none":   {ZH: "还没有事件", EN: "Nothing has happened yet"},
		"platform.none": {ZH: "未配置平台，数据只保存在本机", EN: "No platform is configured; data stays here"},

		"state.good":      {ZH: "正常", EN: "Normal"},
		"state.alarm":     {ZH: "报警", EN: "Alarm"},
		"state.notice":    {ZH: "注意", EN: "Attention"},
		"state.uncertain": {ZH: "存疑", EN: "Uncertain"},
		"state.fault":     {ZH: "故障", EN: "Fault"},
		"state.stale":     {ZH: "数据已过时", EN: "Stale"},
		"state.waiting":   {ZH: "等待首次读数", EN: "Waiting for first reading"},
		"no.value":        {ZH: "无数值", EN: "no value"},

		"alarm.raised":       {ZH: "报警中", EN: "active"},
		"alarm.escalated":    {ZH: "已升级", EN: "escalated"},
		"alarm.lowered":      {ZH: "已降级", EN: "lowered"},
		"alarm.acknowledged": {ZH: "已知晓", EN: "acknowledged"},
		"alarm.restored":     {ZH: "已恢复，尚无人知晓", EN: "over, not acknowledged"},
		"alarm.cleared":      {ZH: "已恢复", EN: "over"},
		"level.blue":         {ZH: "蓝色", EN: "Blue"},
		"level.yellow":       {ZH: "黄色", EN: "Yellow"},
		"level.orange":       {ZH: "橙色", EN: "Orange"},
		"level.red":          {ZH: "红色", EN: "Red"},

		"link.up":      {ZH: "已连接", EN: "Connected"},
		"link.https":   {ZH: "已连接（HTTPS）", EN: "Connected (HTTPS)"},
		"link.down":    {ZH: "中断", EN: "Not connected"},
		"backlog":      {ZH: "待上传", EN: "Waiting to be sent"},
		"backlog.none": {ZH: "全部已上传", EN: "Everything is sent"},
		"lane.alarms":  {ZH: "报警", EN: "alarms"},
		"lane.events":  {ZH: "事件", EN: "events"},
		"lane.readings": {
			ZH: "读数", EN: "readings"},
		"store.state":   {ZH: "保存", EN: "Keeping"},
		"store.ok":      {ZH: "存储正常", EN: "Storage at work"},
		"store.ram":     {ZH: "仅在内存，断电会丢失", EN: "In memory only; a power cut loses it"},
		"store.used":    {ZH: "已用", EN: "Used"},
		"written":       {ZH: "已写入", EN: "Written"},
		"written.since": {ZH: "{x} 起写入", EN: "Written since {x}"},
		"per.day":       {ZH: "平均每天 {x}", EN: "{x} a day on average"},
		"sent":          {ZH: "已发送", EN: "Sent"},
		"sent.since":    {ZH: "{x} 起发送", EN: "Sent since {x}"},
		"room":          {ZH: "断网时可存", EN: "Holds"},
		"holds":         {ZH: "按现速可存 {n} 天", EN: "{n} days at this rate"},
		"holds.hours":   {ZH: "按现速可存 {n} 小时", EN: "{n} hours at this rate"},
		"holds.most":    {ZH: "按现速可存 {n} 天以上", EN: "over {n} days at this rate"},
		"build":         {ZH: "程序", EN: "Program"},

		"home":                 {ZH: "返回状态页", EN: "Back to the status page"},
		"events.all":           {ZH: "全部事件", EN: "All events"},
		"log.title":            {ZH: "事件记录", EN: "Event log"},
		"log.newer":            {ZH: "较新", EN: "Newer"},
		"log.older":            {ZH: "较早", EN: "Older"},
		"log.page":             {ZH: "页", EN: "page"},
		"chart.day":            {ZH: "最近 24 小时", EN: "last 24 hours"},
		"chart.empty":          {ZH: "还没有数据", EN: "no data yet"},
		"chart.gaps":           {ZH: "中断 {n} 次", EN: "gaps: {n}"},
		"chart.begun":          {ZH: "网关重新启动后开始记录", EN: "Kept since the gateway started"},
		"chart.veiled":         {ZH: "刷卡记录登录后可见", EN: "Cards are shown after logging in"},
		"chart.none":           {ZH: "这个传感器没有曲线", EN: "No chart is kept of this sensor"},
		"gap.none":             {ZH: "无数据", EN: "no data"},
		"gap.fault":            {ZH: "故障", EN: "fault"},
		"threshold.above":      {ZH: "报警：高于 {x}", EN: " alarm above {x}"},
		"threshold.below":      {ZH: "报警：低于 {x}", EN: " alarm below {x}"},
		"threshold.over.below": {ZH: "解除：低于 {x}", EN: "Ends below {x}"},
		"threshold.over.above": {ZH: "解除：高于 {x}", EN: "Ends above {x}"},
		"table.title":          {ZH: "每小时数据", EN: "Hour by hour"},
		"table.faults":         {ZH: "另有 {n} 次读取失败", EN: "{n} failed readings besides"},
		"col.hour":             {ZH: "时", EN: "Hour"},
		"col.min":              {ZH: "最低", EN: "Lowest"},
		"col.max":              {ZH: "最高", EN: "Highest"},
		"col.last":             {ZH: "最后", EN: "Last"},
		"quantity.level":       {ZH: "水位", EN: "Water level"},
		"quantity.smoke":       {ZH: "烟感触点", EN: "Smoke contact"},
		"quantity.door":        {ZH: "门磁", EN: "Door contact"},
		"quantity.card":        {ZH: "刷卡次数", EN: "Cards read"},
		"clock.head":           {ZH: "时钟", EN: "Clock"},
		"clock.ok":             {ZH: "已校准", EN: "Set"},
		"clock.bad":            {ZH: "未校准", EN: "Not set"},
		"gateway.id":           {ZH: "编号", EN: "Id"},
		"version":              {ZH: "版本", EN: "Version"},
		"run":                  {ZH: "运行号", EN: "Run"},
		"time":                 {ZH: "本页时间", EN: "Time of this page"},
		"disclaimer": {
			ZH: "本网关用于提醒和上传，不能代替经认证的消防报警设备。",
			EN: "This gateway warns and forwards. It does not replace certified fire-alarm equipment."},

		"smoke.0": {ZH: "无烟", EN: "No smoke"},
		"smoke.1": {ZH: "有烟", EN: "Smoke"},
		"door.0":  {ZH: "关闭", EN: "Closed"},
		"door.1":  {ZH: "打开", EN: "Open"},

		"door_forced.0": {ZH: "无强行开门", EN: "Not forced"},
		"door_forced.1": {ZH: "强行打开", EN: "Forced open"},
		"door_held.0":   {ZH: "未超时", EN: "Not held open"},
		"door_held.1":   {ZH: "开门超时", EN: "Held open"},
		"card":          {ZH: "次刷卡", EN: "card read"},
		"card.many":     {ZH: "次刷卡", EN: "cards read"},
		"misread":       {ZH: "次误读", EN: "misread"},
		"misread.many":  {ZH: "次误读", EN: "misreads"},

		"veiled":             {ZH: "刷卡次数登录后可见", EN: "count shown after logging in"},
		"since.start":        {ZH: "启动以来累计", EN: "counted since start"},
		"since.misread":      {ZH: "启动以来累计，误读 {n} 次", EN: "counted since start, {n} misread"},
		"since.misread.many": {ZH: "启动以来累计，误读 {n} 次", EN: "counted since start, {n} misreads"},

		"ago": {ZH: "{n} 秒前|{n} 分钟前|{n} 小时前|{n} 天前", EN: "{n} s ago|{n} min ago|{n} h ago|{n} d ago"},
		"for": {ZH: "{n} 秒|{n} 分钟|{n} 小时|{n} 天", EN: "{n} s|{n} min|{n} h|{n} d"},
	}
}

// phrase is the page's fixed texts in one language.
type phrase struct {
	lang    lang
	texts   map[string]health.Text
	reasons map[string]health.Reason
}

func newPhrase(l lang) phrase { return phrase{lang: l, texts: words(), reasons: health.Reasons()} }

// say is the text behind a key. A key nobody wrote a text for is an error, so
// that a template naming one fails its first test.
func (p phrase) say(key string) (string, error) {
	text, ok := p.texts[key]
	if !ok {
		return "", fmt.Errorf("find words for %q: there are none", key)
	}
	return p.lang.of(text), nil
}

// get is say for keys the code itself spells out; a test looks each one up.
func (p phrase) get(key string) string {
	text, ok := p.texts[key]
	if !ok {
		return key
	}
	return p.lang.of(text)
}

func (p phrase) fill(key string, n uint64, x string) string {
	return strings.NewReplacer("{n}", grouped(n), "{x}", x).Replace(p.get(key))
}

func (p phrase) reason(why drivers.Reason) string {
	if why == "" {
		return ""
	}
	if r, ok := p.reasons[string(why)]; ok {
		return p.lang.of(r.What)
	}
	return p.get("reason.other")
}

func (p phrase) level(l record.Severity) string { return p.get("level." + l.String()) }

// span is a length of time in words; form is "ago" or "for". The script on the
// page counts on in the same words and steps.
func (p phrase) span(form string, d time.Duration) string {
	forms := strings.Split(p.get(form), "|")
	seconds := int64(max(d, 0) / time.Second)
	n, step := seconds, 0
	switch {
	case seconds >= 48*3600:
		n, step = seconds/(24*3600), 3
	case seconds >= 3600:
		n, step = seconds/3600, 2
	case seconds >= 60:
		n, step = seconds/60, 1
	}
	return strings.Replace(forms[step], "{n}", strconv.FormatInt(n, 10), 1)
}

// grouped writes a count with a comma at each thousand.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes for people, in decimal units as on the label
// of a storage card.
func size(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
