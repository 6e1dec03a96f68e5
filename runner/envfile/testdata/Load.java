import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

/** Prints what load(InputStream) and load(Reader) make of a file, as an array of two JSON objects. */
public class Load {
    public static void main(String[] args) throws Exception {
        StringBuilder json = new StringBuilder("[");
        Properties p = new Properties();
        try (InputStream in = new FileInputStream(args[0])) {
            p.load(in);
        }
        object(json, p);
        json.append(',');
        p = new Properties();
        try (Reader in = new InputStreamReader(new FileInputStream(args[0]), StandardCharsets.UTF_8)) {
            p.load(in);
        }
        object(json, p);
        System.out.print(json.append(']'));
        System.out.flush();
    }

    static void object(StringBuilder json, Properties p) {
        char before = '{';
        for (String name : p.stringPropertyNames()) {
            json.append(before);
            before = ',';
            quote(json, name);
            json.append(':');
            quote(json, p.getProperty(name));
        }
        json.append(before == '{' ? "{}" : "}");
    }

    static void quote(StringBuilder json, String s) {
        json.append('"');
        for (char c : s.toCharArray()) {
            if (c >= ' ' && c < 127 && c != '"' && c != '\\') {
                json.append(c);
            } else {
                json.append("\\u").append(Integer.toHexString(0x10000 | c).substring(1));
            }
        }
        json.append('"');
    }
}
