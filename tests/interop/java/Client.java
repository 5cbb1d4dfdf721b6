import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import javax.net.ssl.*;

/**
 * A phone on Java's TLS stack: `Client HOST PORT PATH PROTOCOL[,PROTOCOL] [PKCS12 [twice]]` makes one GET and prints the
 * answer; `twice` makes another over a new connection, with the session of the first.
 * -Dtrust=PEM names the one CA that the server must be of.
 * `Client serve` does so for each line of its input, the same arguments behind that PEM (or nothing), between tabs: it writes
 * "STATUS LENGTH", a line feed and the answer.
 * The protocol SSLv2Hello makes it send its ClientHello in the format of SSL 2.0, as OpenSSL 0.9.8 did.
 * -Ddisabled= and -DdisabledInChains= are jdk.tls.disabledAlgorithms and jdk.certpath.disabledAlgorithms; -Dsuites= is what
 * it offers.
 */
public class Client {
  public static void main(String[] arguments) throws Exception {
    Security.setProperty("jdk.tls.disabledAlgorithms", System.getProperty("disabled", ""));
    Security.setProperty("jdk.certpath.disabledAlgorithms", System.getProperty("disabledInChains", ""));

    if (arguments[0].equals("serve")) {
      serve();
    } else {
      visit(System.getProperty("trust", ""), arguments, System.out);
    }
  }

  private static void serve() throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = lines.readLine()) != null;) {
      String[] words = line.split("\t", -1);
      ByteArrayOutputStream answer = new ByteArrayOutputStream();
      int status = 0;
      try {
        visit(words[0], Arrays.copyOfRange(words, 1, words.length), answer);
      } catch (Exception e) {
        e.printStackTrace();
        status = 1;
      }
      System.out.println(status + " " + answer.size());
      answer.writeTo(System.out);
      System.out.flush();
    }
  }

  private static void visit(String trust, String[] arguments, OutputStream out) throws Exception {
    KeyManager[] keys = null;
    if (arguments.length > 4) {
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(new FileInputStream(arguments[4]), "secret".toCharArray());
      keys = new KeyManager[] {new OneKey(store)};
    }
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys, trustManagers(trust), null);

    for (int i = 0; i < (arguments.length > 5 ? 2 : 1); ++i) get(context, arguments, out);
  }

  private static TrustManager[] trustManagers(String file) throws Exception {
    if (file.isEmpty()) return new TrustManager[] {new TrustEverybody()};
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    try (FileInputStream in = new FileInputStream(file)) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    factory.init(store);
    return factory.getTrustManagers();
  }

  private static void get(SSLContext context, String[] arguments, OutputStream out) throws Exception {
    try (Socket plain = new Socket(arguments[0], Integer.parseInt(arguments[1]));
        SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, arguments[0], plain.getPort(), true)) {
      socket.setSoTimeout(20000);
      socket.setEnabledProtocols(arguments[3].split(","));
      String suites = System.getProperty("suites");
      if (suites != null) socket.setEnabledCipherSuites(suites.split(","));
      socket.getOutputStream().write(("GET " + arguments[2] + " HTTP/1.0\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
      socket.getInputStream().transferTo(out);
      out.flush();
    }
  }

  /** Shows its certificate whatever CA names the server lists, as a phone does. */
  private static class OneKey extends X509ExtendedKeyManager {
    private final PrivateKey key;
    private final X509Certificate[] chain;

    OneKey(KeyStore store) throws Exception {
      String alias = store.aliases().nextElement();
      key = (PrivateKey) store.getKey(alias, "secret".toCharArray());
      var certificates = store.getCertificateChain(alias);
      chain = new X509Certificate[certificates.length];
      System.arraycopy(certificates, 0, chain, 0, chain.length);
    }

    public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
      for (String type : types) if (type.equals(key.getAlgorithm())) return "phone";
      return null;
    }

    public X509Certificate[] getCertificateChain(String alias) { return chain; }

    public PrivateKey getPrivateKey(String alias) { return key; }

    public String[] getClientAliases(String type, Principal[] issuers) { return new String[] {"phone"}; }

    public String[] getServerAliases(String type, Principal[] issuers) { return null; }

    public String chooseServerAlias(String type, Principal[] issuers, Socket socket) { return null; }
  }

  private static class TrustEverybody extends X509ExtendedTrustManager {
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
  }
}
