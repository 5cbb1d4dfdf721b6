// A phone on Go's TLS stack: one GET over TLS of one version, the answer on stdout.
// Go refuses renegotiation unless told otherwise, and answers a request for it with the alert no_renegotiation.
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	address := flag.String("address", "", "HOST:PORT")
	path := flag.String("path", "/", "what to ask for")
	version := flag.String("version", "1.2", "TLS version")
	chain := flag.String("cert", "", "PEM chain; none if empty")
	key := flag.String("key", "", "PEM key")
	forget := flag.Bool("forget-key", false, "sign with another key than that of the certificate")
	leave := flag.String("leave", "", "on the server's certificate, without a word: close, or wait until the server closes")
	times := flag.Int("times", 1, "how many connections, each with the session of the one before")
	trust := flag.String("trust", "", "PEM file of the one CA that the server must be of; any server if empty")
	flag.Parse()

	versions := map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: versions[*version], MaxVersion: versions[*version]}
	if *trust != "" {
		pem, err := os.ReadFile(*trust)
		check(err)
		config.InsecureSkipVerify, config.RootCAs, config.ServerName = false, x509.NewCertPool(), "localhost"
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	if *times > 1 {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	if *chain != "" {
		certificate, err := tls.LoadX509KeyPair(*chain, *key)
		check(err)
		if *forget {
			certificate.PrivateKey, err = rsa.GenerateKey(rand.Reader, 1024)
			check(err)
		}
		// A phone shows its certificate whatever CA names the server lists.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
	}

	for i := 0; i < *times; i++ {
		get(*address, *path, *leave, config)
	}
}

func get(address string, path string, leave string, config *tls.Config) {
	plain, err := net.Dial("tcp", address)
	check(err)
	if leave != "" {
		config.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error {
			if leave == "wait" {
				io.Copy(io.Discard, plain)
			}
			plain.Close()
			return errors.New("left")
		}
	}
	connection := tls.Client(plain, config)
	check(connection.Handshake())
	defer connection.Close()
	check(connection.SetDeadline(time.Now().Add(20 * time.Second)))
	fmt.Fprintf(connection, "GET %s HTTP/1.0\r\n\r\n", path)
	_, err = io.Copy(os.Stdout, connection)
	check(err)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
