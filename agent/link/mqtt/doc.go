// Package mqtt is the MQTT 3.1.1 way to a platform. It makes one fresh client
// per connection and never resumes anything: whatever was not confirmed is sent
// again by the caller, from its own store.
//
// The reason is in paho.mqtt.golang itself: with automatic reconnection it
// completes the tokens of unacknowledged messages without an error
// (github.com/eclipse-paho/paho.mqtt.golang issues 458 and 563). So a message
// counts here only when its token is done, without error, and the connection it
// was sent on is still the live one.
//
// This is the only package that imports paho.
package mqtt
