package configs

// Code names a kind of mistake. Codes are stable; their sentences may be
// bettered.
type Code string

// sentences has every code's message. {0}, {1} are the arguments.
var sentences = map[Code]Words{
	// The file as text.
	"too-large":        {"文件太大", "the file is too large"},
	"not-utf8":         {"从这里开始不是 UTF-8 文字", "not UTF-8 text from here on"},
	"utf16":            {"文件是 UTF-16 编码", "the file is UTF-16"},
	"control":          {"有控制字符", "control character"},
	"tab":              {"缩进里有制表符（Tab）", "tab in the indentation"},
	"wide-space":       {"缩进里有全角空格", "full-width space in the indentation"},
	"wide-colon":       {"全角冒号", "full-width colon"},
	"wide-dash":        {"列表的横线不是半角 -", "the dash of a list is not a plain -"},
	"unclear":          {"文件无法理解", "the file cannot be understood"},
	"too-deep":         {"嵌套太深", "nested too deeply"},
	"more":             {"从这里往下还有 {0} 处错误", "{0} more problems from here on"},
	"second-document":  {"第二份文档", "second document"},
	"empty":            {"文件是空的", "the file is empty"},
	"yaml":             {"YAML 写法不对", "not valid YAML"},
	"yaml-indent":      {"缩进或冒号的位置不对", "indentation or colon in the wrong place"},
	"yaml-quote":       {"引号没有成对", "a quote without its other half"},
	"yaml-escape":      {"双引号里的反斜杠写法不对", "a backslash in double quotes that means nothing"},
	"yaml-bracket":     {"括号没有成对，或括号里缺逗号", "a bracket without its other half, or a comma missing inside"},
	"yaml-key":         {"这一行不是“键: 值”", "the line is not key: value"},
	"yaml-dash":        {"列表项的位置不对", "a list entry in the wrong place"},
	"yaml-reserved":    {"值以保留字符开头", "the value begins with a reserved character"},
	"anchors":          {"不支持锚点、别名和合并键", "anchors, aliases and merge keys are not read"},
	"tags":             {"不支持 ! 标签", "tags are not read"},
	"not-readable":     {"不是值、列表或键", "not a value, list or keys"},
	"key-not-word":     {"键不是普通的词", "the key is not a plain word"},
	"doubled-key":      {"键重复", "doubled key"},
	"unknown-key":      {"没有这个键", "unknown key"},
	"key-of-driver":    {"这是驱动 {0} 的键", "a key of driver {0}"},
	"comma-in-number":  {"小数用了逗号", "a comma in a number"},
	"missing":          {"缺少", "missing"},
	"missing-beside":   {"有 {0} 却缺少它", "missing beside {0}"},
	"not-list":         {"不是列表", "not a list"},
	"not-section":      {"不是带下级键的一节", "not a section"},
	"no-keys":          {"没有任何键", "no keys"},
	"no-value":         {"没有值", "has no value"},
	"not-single":       {"不是单个值", "not a single value"},
	"is-empty":         {"是空的", "is empty"},
	"form":             {"格式不对", "not in the right form"},
	"not-possible":     {"{0} 不能用", "{0} is not possible"},
	"not-here":         {"在这里不能用", "not possible here"},
	"out-of-range":     {"{0} 超出范围", "{0} is out of range"},
	"no-unit":          {"{0} 没有单位", "{0} has no unit"},
	"not-a-choice":     {"{0} 不在可选值之中", "{0} is none of the possible values"},
	"not-bool":         {"{0} 不是 true 或 false", "{0} is not true or false"},
	"not-duration":     {"{0} 不是时间", "{0} is not a duration"},
	"not-decimal":      {"{0} 不是小数或整数", "{0} is not a decimal number"},
	"not-whole":        {"{0} 不是整数", "{0} is not a whole number"},
	"leading-zero":     {"{0} 以 0 开头", "{0} begins with a zero"},
	"too-fine":         {"{0} 的小数位太多", "{0} has too many decimals"},
	"wide-character":   {"{0} 里有全角字符", "{0} has full-width characters"},
	"unknown-driver":   {"没有驱动 {0}", "unknown driver {0}"},
	"too-many":         {"{0} 个", "{0} of them"},
	"plaintext":        {"tcp 是明文，沿途任何人都能看到", "tcp is readable by anyone on the way"},
	"tls-of-tcp":       {"tcp 不加密，这里写的不起作用", "tcp is not encrypted, so this would do nothing"},
	"plaintext-http":   {"http 是明文，沿途任何人都能看到", "http is readable by anyone on the way"},
	"two-credentials":  {"既有令牌又有用户名", "a token and a username"},
	"lone-password":    {"有密码却没有用户名", "a password without a username"},
	"same-client":      {"服务器和 client_id 与第 {0} 行相同", "the same server and client_id as on line {0}"},
	"doubled-id":       {"编号 {0} 重复", "doubled id {0}"},
	"claimed":          {"传感器 {0} 使用 {1}，而第 {3} 行的传感器 {2} 已在使用", "sensor {0} uses {1}, which sensor {2} on line {3} uses already"},
	"claimed-twice":    {"传感器 {0} 把 {1} 用了两次", "sensor {0} uses {1} twice"},
	"output-claimed":   {"输出使用 {0}，而第 {2} 行的传感器 {1} 已在使用", "the output uses {0}, which sensor {1} on line {2} uses already"},
	"shared":           {"传感器 {0} 对 {1} 的用法是 {2}，而第 {4} 行的传感器 {3} 的用法是 {5}", "sensor {0} uses {1} as {2}, yet sensor {3} on line {4} uses it as {5}"},
	"alone":            {"传感器 {0} 使用 {1}，而第 {3} 行的传感器 {2} 要独占它", "sensor {0} uses {1}, which sensor {2} on line {3} needs alone"},
	"wants-alone":      {"传感器 {0} 要独占 {1}，而第 {3} 行的传感器 {2} 已在使用", "sensor {0} needs {1} alone, yet sensor {2} on line {3} uses it already"},
	"too-often":        {"{0} 比采样还频繁", "{0} is more often than it is sampled"},
	"change-of-switch": {"这种传感器没有长度可比，状态一变就会上报", "this sensor has no length to compare; its changes are always reported"},
	"no-thresholds":    {"触点没有高低门限", "a contact has no thresholds"},
	"no-alarm":         {"这种传感器不会报警", "this sensor raises no alarm"},
	"beside-levels":    {"有 levels 就不能再写它", "not possible beside levels"},
	"not-worse":        {"{0} 不比前一级 {1} 重", "{0} is not worse than {1} before it"},
	"not-above":        {"{0} 不高于前一级", "{0} is not above the level before it"},
	"not-below":        {"{0} 不低于 above", "{0} is not below above"},
}

// wants are the expectations that several checks share.
var (
	wantBoth       = Words{"两个都写，或都不写", "both or neither"}
	wantWrittenOut = Words{"把值直接写出来", "the value written out"}
	wantValueAlone = Words{"只写值", "the value alone"}
	wantSpaces     = Words{"空格", "spaces"}
	wantColon      = Words{"半角冒号加一个空格", "a colon and a space"}
	wantKeyValue   = Words{"键: 值", "key: value"}
	wantOneSensor  = Words{"每个只给一个传感器用", "each to be used by one sensor"}
	wantSameUse    = Words{"同一条线上的参数都相同", "the same settings for all on one line"}
	wantLevelAlone = Words{"只写 level", "level alone"}
	wantTooDeep    = Words{"至多 64 层", "at most 64 levels"}
	wantSections   = Words{"它自己的下级键", "keys of its own below it"}
	wantEntries    = Words{"以 - 开头的条目", "entries that begin with - "}
	wantSample     = Words{"像带注释的样例那样的 YAML", "YAML such as the annotated sample"}
)

// expectation of one type of value.
var expectations = map[string]Words{
	"duration": {"带单位的时间，如 500ms、10s、5m", "a duration with a unit, such as 500ms, 10s, 5m"},
	"length":   {"带单位的长度，如 5mm、1cm、1.8m", "a length with a unit, such as 5mm, 1cm, 1.8m"},
	"bytes":    {"带单位的容量，如 64MB、64MiB", "a size with a unit, such as 64MB, 64MiB"},
	"quantity": {"带单位的量", "a quantity with its unit"},
	"such as":  {"带单位的量，如 {0}", "a quantity with its unit, such as {0}"},
	"list":     {"列表", "a list"},
	"bool":     {"true 或 false", "true or false"},
	"whole":    {"整数", "a whole number"},
	"decimal":  {"小数或整数", "a decimal number"},
	"text":     {"文字", "a text"},
	"range":    {"，{0} 至 {1}", ", from {0} to {1}"},
	"at least": {"，至少 {0}", ", at least {0}"},
	"at most":  {"，至多 {0}", ", at most {0}"},
}
