// CSRs as Go's crypto/x509 makes them, for good_csrs.py: good_csrs COUNT ZONE SEED prints so many.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log"
	dice "math/rand"
	"os"
	"strconv"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func rsaKeys() []crypto.Signer {
	var keys []crypto.Signer
	for _, bits := range []int{2048, 2048, 2048, 2048, 2048, 2048, 2048, 2048, 3072, 3072, 4096} {
		keys = append(keys, must(rsa.GenerateKey(rand.Reader, bits)))
	}
	return keys
}

func newKey(some []crypto.Signer, random *dice.Rand) crypto.Signer {
	switch random.Intn(3) {
	case 0:
		return some[random.Intn(len(some))]
	case 1:
		return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	default:
		return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
}

func subject(zone string, random *dice.Rand) pkix.Name {
	name := pkix.Name{}
	if random.Intn(10) > 0 {
		name.CommonName = []string{"www.", "go.", "mail.", "a."}[random.Intn(4)] + zone
	}
	if random.Intn(2) > 0 || name.CommonName == "" {
		name.Organization = []string{[]string{"Gufo Labs", "Müller GmbH", "Example, Inc."}[random.Intn(3)]}
	}
	if random.Intn(3) == 0 {
		name.Country = []string{"IT"}
		name.Locality = []string{[]string{"Milano", "東京"}[random.Intn(2)]}
	}
	if random.Intn(4) == 0 {
		name.SerialNumber = "4711"
	}
	return name
}

func request(zone string, random *dice.Rand) *x509.CertificateRequest {
	template := &x509.CertificateRequest{Subject: subject(zone, random)}
	labels := []string{"www.", "xn--bcher-kva.", "deep.er.still.", "x-1.", "UPPER.", "0.", "*.", ""}
	for _, i := range random.Perm(len(labels))[:1+random.Intn(4)] {
		template.DNSNames = append(template.DNSNames, labels[i]+zone)
	}
	if random.Intn(3) == 0 {
		template.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 99999, 1}, Value: []byte{5, 0}}}
	}
	return template
}

func main() {
	count, zone := must(strconv.Atoi(os.Args[1])), os.Args[2]
	random := dice.New(dice.NewSource(must(strconv.ParseInt(os.Args[3], 10, 64))))
	keys := rsaKeys()
	for i := 0; i < count; i++ {
		made := must(x509.CreateCertificateRequest(rand.Reader, request(zone, random), newKey(keys, random)))
		if err := pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: made}); err != nil {
			log.Fatal(err)
		}
	}
}
