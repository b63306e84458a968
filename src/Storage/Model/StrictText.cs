using System.Text;

namespace EntityActors.Storage.Model;

/// <summary>UTF-8 that refuses what it cannot represent, instead of writing replacement characters.</summary>
public static class StrictText
{
    public static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Number of UTF-8 bytes, or -1 when the text holds a lone surrogate.</summary>
    public static int ByteCount(string text)
    {
        try
        {
            return Utf8.GetByteCount(text);
        }
        catch (EncoderFallbackException)
        {
            return -1;
        }
    }
}
