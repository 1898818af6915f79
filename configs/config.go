package configs

import "time"

// Config is one gateway's configuration, whole and checked.
type Config struct {
	Version   int        `yaml:"version" required:"true" min:"1" max:"1" doc:"配置格式版本|version of this format"`
	Gateway   Gateway    `yaml:"gateway" required:"true" doc:"网关安装在哪里|where the gateway stands"`
	Data      string     `yaml:"data" default:"/var/lib/watchpost" form:"directory" doc:"数据目录|data directory"`
	Buffer    Buffer     `yaml:"buffer" doc:"断电断网时保存数据|what is kept through power cuts and outages"`
	Page      Page       `yaml:"page" doc:"本地网页|the local page"`
	Cards     Cards      `yaml:"cards" doc:"门禁卡|access cards"`
	Output    *Output    `yaml:"output" doc:"声光报警器或继电器|siren or relay"`             // nil: none
	Platforms []Platform `yaml:"platforms" doc:"上级平台，可以没有|receivers; may be empty"` // empty: forwards to nobody
	Sensors   []Sensor   `yaml:"sensors" doc:"传感器|sensors"`
}

// Gateway names the place the gateway stands in.
type Gateway struct {
	ID           string   `yaml:"id" required:"true" form:"id" doc:"编号，属于安装位置，换主板也不变|names the place, not the board"`
	Compound     string   `yaml:"compound" doc:"小区|residential compound"`
	Building     string   `yaml:"building" doc:"楼栋|building"`
	Organisation string   `yaml:"organisation" doc:"物业公司|property company"`      // the property company
	Duty         *Duty    `yaml:"duty" doc:"报警时打给谁|whom to call about an alarm"` // nil: not said
	Grid         *Grid    `yaml:"grid" doc:"城市网格编码|the city's grid code"`        // nil: none
	Longitude    *float64 `yaml:"longitude" with:"latitude" min:"-180" max:"180" doc:"经度（度）|longitude in degrees"`
	Latitude     *float64 `yaml:"latitude" with:"longitude" min:"-90" max:"90" doc:"纬度（度）|latitude in degrees"`
}

// Duty is whom an alarm on the page says to call.
type Duty struct {
	Name  string `yaml:"name" doc:"值班人员或岗位|who is on duty"`
	Phone string `yaml:"phone" required:"true" form:"phone" doc:"电话号码|telephone number"`
}

// Grid is the city's code for the place, and the name of the scheme it is from.
type Grid struct {
	Scheme string `yaml:"scheme" required:"true" doc:"编码规则的名称|name of the scheme"`
	Code   string `yaml:"code" required:"true" doc:"编码|code"`
}

// Buffer is what the store may use.
type Buffer struct {
	// CommitEvery is the longest a reading waits in memory: what a power cut
	// may cost.
	CommitEvery time.Duration `yaml:"commit_every" default:"10s" min:"100ms" max:"1h" doc:"断电最多丢失多长时间的普通读数|a power cut loses at most this much of readings"`
	// MaxBytes caps what the store holds. The most is what a 32-bit processor can
	// map; the least leaves room for an hour of readings.
	MaxBytes Bytes `yaml:"max_bytes" default:"64MB" min:"1MB" max:"512MiB" doc:"数据库上限|cap of the database"`
}

// Page is the local page.
type Page struct {
	// Listen is host:port, or "off".
	Listen string `yaml:"listen" default:"127.0.0.1:8080" form:"listen" doc:"监听地址，off 为关闭|address to listen on; off for none"`
}

// Off reports whether there is to be no page.
func (p Page) Off() bool { return p.Listen == "off" }

// Cards is how card numbers become pseudonyms.
type Cards struct {
	// KeyFile holds the site key, mode 0600. Empty: the agent makes one in the
	// data directory. Sites that share a key see the same pseudonyms.
	KeyFile string `yaml:"key_file" form:"file" doc:"计算卡号化名的密钥文件，权限 0600；不写则自动生成|file of the key that card pseudonyms are made with, mode 0600; made by itself when absent"`
}

// Output is one line that is switched while there is an alarm: a siren, a
// beacon, a relay.
type Output struct {
	// Line is the GPIO line, as in gpiochip0:22. No sensor may use it.
	Line   string `yaml:"line" required:"true" form:"line" doc:"GPIO 线，如 gpiochip0:22|GPIO line, such as gpiochip0:22"`
	Active Drive  `yaml:"active" default:"high" doc:"接通时的电平|level of the line while switched on"`
	// Level is the least level of an alarm that switches the line on.
	Level Level `yaml:"level" default:"red" doc:"达到此级别的报警才接通|least alarm level that switches it on"`
	// Longest is when the line goes off although the alarm stays.
	Longest time.Duration `yaml:"longest" default:"10m" min:"1s" max:"24h" doc:"一次最多接通多久|longest time on at a stretch"`
}

// Drive is the electrical level of a line that is switched on.
type Drive string

// Values lists the levels.
func (Drive) Values() []string { return []string{"high", "low"} }

// Platform is one receiver.
type Platform struct {
	ID string `yaml:"id" required:"true" form:"id" doc:"平台编号|names the platform"`
	// Server is tls://host:port or tcp://host:port.
	Server string `yaml:"server" required:"true" form:"server" doc:"平台的 MQTT 服务器|the platform's MQTT broker"`
	// AllowPlaintext must be true with tcp://: anyone on the way can read and
	// change what is sent.
	AllowPlaintext bool `yaml:"allow_plaintext" default:"false" doc:"允许明文传输|allow traffic that anyone on the way can read"`
	TLS            TLS  `yaml:"tls" doc:"tls:// 信任谁、出示什么|whom tls:// believes and what it shows"`
	// ClientID is watchpost-<gateway id> unless set.
	ClientID     string        `yaml:"client_id" doc:"默认 watchpost-<网关编号>|watchpost-<gateway id> by default"`
	Username     string        `yaml:"username" doc:"用户名|user name"`
	PasswordFile string        `yaml:"password_file" form:"file" doc:"只存密码的文件，权限 0600|file with the password alone, mode 0600"`
	Root         string        `yaml:"root" default:"watchpost/v1" form:"topic" doc:"主题前缀|first part of every topic"`
	KeepAlive    time.Duration `yaml:"keep_alive" default:"30s" min:"5s" max:"18h" doc:"心跳间隔|between pings on an idle connection"`
	// Fallback carries the lanes while MQTT cannot.
	Fallback *Fallback `yaml:"fallback" doc:"MQTT 不通时改走 HTTPS|HTTPS, while MQTT gets nothing through"` // nil: none
}

// Fallback is the second way to a platform: its HTTPS inlet.
type Fallback struct {
	// URL is https://host/path; topics are added to it.
	URL   string        `yaml:"url" required:"true" form:"url" doc:"平台的 HTTPS 接收地址，主题接在后面|the platform's HTTPS inlet; topics are added to it"`
	After time.Duration `yaml:"after" default:"2m" min:"10s" max:"24h" doc:"MQTT 不通多久后改走 HTTPS|taken when MQTT got nothing through for this long"`
	// TokenFile, or Username and PasswordFile, or neither.
	TokenFile    string `yaml:"token_file" form:"file" doc:"只存令牌的文件，权限 0600|file with the bearer token alone, mode 0600"`
	Username     string `yaml:"username" doc:"用户名|user name"`
	PasswordFile string `yaml:"password_file" form:"file" doc:"只存密码的文件，权限 0600|file with the password alone, mode 0600"`
	// TLS is for this address; zero means that of MQTT, but for the name.
	TLS TLS `yaml:"tls" doc:"信任谁、出示什么；不写则与 MQTT 相同|whom to believe and what to show; as for MQTT when absent"`
	// AllowPlaintext must be true for http, where anyone on the way can read the
	// token and forge confirmations.
	AllowPlaintext bool `yaml:"allow_plaintext" default:"false" doc:"允许明文传输|allow traffic that anyone on the way can read"`
}

// TLS is whom an encrypted link believes and what it shows of itself.
type TLS struct {
	// CAFile may be empty: the system's roots then.
	CAFile     string `yaml:"ca_file" form:"file" doc:"签发平台证书的 CA（PEM）；不写则用系统自带的|CA of the platform's certificate, PEM; the system's unless given"`
	CertFile   string `yaml:"cert_file" form:"file" with:"key_file" doc:"本网关的证书（PEM），平台要求时才写|this gateway's certificate, PEM, where the platform wants one"`
	KeyFile    string `yaml:"key_file" form:"file" with:"cert_file" doc:"该证书的私钥（PEM），权限 0600|the certificate's key, PEM, mode 0600"`
	ServerName string `yaml:"server_name" form:"host" doc:"平台证书上的名字，与地址不同时才写|name on the platform's certificate, where the address is another"`
}

// Sensor is one configured thing that is read.
type Sensor struct {
	ID     string `yaml:"id" required:"true" form:"id" doc:"传感器编号|names the sensor"`
	Name   Name   `yaml:"name" doc:"名称|name"`
	Place  Place  `yaml:"place" doc:"安装位置|where it is"`
	Driver string `yaml:"driver" doc:"驱动：芯片或协议|driver: chip or protocol"` // required: sensor in decode.go says so, and which there are
	// Options is the driver's own options, as Catalogue made them and the file
	// filled them; its keys stand beside the sensor's.
	Options any           `yaml:"-"`
	Sample  time.Duration `yaml:"sample" default:"1s" min:"10ms" max:"24h" doc:"采样间隔|between samples"`
	Report  Report        `yaml:"report" doc:"上报|what is sent"`
	Alarm   *Alarm        `yaml:"alarm" doc:"报警|alarm"` // nil: raises none
}

// Name is what people call a sensor. Either may be empty; show the id then.
type Name struct {
	Zh string `yaml:"zh" doc:"中文名称|name in Chinese"`
	En string `yaml:"en" doc:"英文名称|name in English"`
}

// Place is where a sensor is, within the gateway's place.
type Place struct {
	Building string `yaml:"building" doc:"楼栋|building"`
	Unit     string `yaml:"unit" doc:"单元|unit of the building"`
	Room     string `yaml:"room" doc:"房间|room"`
	At       string `yaml:"at" doc:"其他说明|anything else"` // free text
}

// Report is what is sent of what is sampled. A change of quality or of a
// contact always reports.
type Report struct {
	Every time.Duration `yaml:"every" default:"5m" min:"100ms" max:"24h" doc:"至少多久上报一次|sent at least every"`
	// Change reports at once when the value moved by this much; nil: never.
	Change *Length `yaml:"change" min:"1mm" doc:"变化达到多少立即上报|sent at a change of"`
	// InAlarm replaces Every while the sensor is in alarm.
	InAlarm time.Duration `yaml:"in_alarm" default:"1s" min:"100ms" max:"24h" doc:"报警期间多久上报一次|sent every, while in alarm"`
}
