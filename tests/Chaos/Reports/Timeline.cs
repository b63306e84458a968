using System.Globalization;
using EntityActors.Chaos.Histories;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace EntityActors.Chaos.Reports;

/// <summary>Draws a run over its time: faults above, what each shard did not answer in the middle, answers per second below.</summary>
internal static class Timeline
{
    private const double WidthPixels = 1_400;
    private const double HeightPixels = 820;
    private const double BarHalf = 0.38;
    private static readonly TimeSpan RateStep = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan GapShown = TimeSpan.FromMilliseconds(400);

    public static void Write(string path, ChaosResult result, Availability availability)
    {
        var origin = result.Load.From;
        var end = ChaosClock.Seconds(result.Load.To - origin);
        var model = new PlotModel { Title = $"seed {result.Options.Seed}: {result.Options.NodeCount} nodes, {result.Options.ClientCount} clients" };
        model.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Bottom, Minimum = 0, Maximum = end, Title = "seconds since the load began", MajorGridlineStyle = LineStyle.Dot,
        });
        AddRates(model, availability);
        AddGaps(model, availability, origin);
        AddFaults(model, result, origin);
        using var file = File.Create(path);
        new SvgExporter { Width = WidthPixels, Height = HeightPixels }.Export(model, file);
        // It draws its failures instead of throwing them.
        if (model.GetLastPlotException() is { } failure) throw new InvalidOperationException("the timeline could not be drawn", failure);
    }

    private static void AddRates(PlotModel model, Availability availability)
    {
        model.Axes.Add(new LinearAxis { Key = "rate", Position = AxisPosition.Left, StartPosition = 0, EndPosition = 0.38, Minimum = 0, Title = "answers/s" });
        var line = new LineSeries { YAxisKey = "rate", Color = OxyColors.SteelBlue, StrokeThickness = 1.2 };
        foreach (var (second, rate) in availability.Rates(RateStep)) line.Points.Add(new DataPoint(second, rate));
        model.Series.Add(line);
    }

    private static void AddGaps(PlotModel model, Availability availability, long origin)
    {
        var shards = availability.Shards.ToList();
        model.Axes.Add(Rows("shards", 0.42, 0.66, "silent over 0.4 s", [.. shards.Select(static shard => $"shard {shard.ToString(CultureInfo.InvariantCulture)}")]));
        var bars = new RectangleBarSeries { YAxisKey = "shards", FillColor = OxyColors.IndianRed, StrokeThickness = 0 };
        for (var row = 0; row < shards.Count; row++)
        {
            foreach (var (from, to) in availability.Gaps(shards[row]))
            {
                if (to - from > ChaosClock.Ticks(GapShown)) bars.Items.Add(Bar(from - origin, to - origin, row));
            }
        }

        model.Series.Add(bars);
    }

    private static void AddFaults(PlotModel model, ChaosResult result, long origin)
    {
        var kinds = result.Faults.Select(static fault => fault.Kind).Distinct().Order().ToList();
        model.Axes.Add(Rows("faults", 0.7, 1, "faults", [.. kinds.Select(static kind => kind.ToString())]));
        var bars = new RectangleBarSeries { YAxisKey = "faults", FillColor = OxyColors.DarkOrange, StrokeColor = OxyColors.Black, StrokeThickness = 0.5 };
        foreach (var fault in result.Faults)
        {
            var row = kinds.IndexOf(fault.Kind);
            var to = Math.Min(fault.Ended ?? result.Load.To, result.Load.To);
            bars.Items.Add(Bar(fault.Started - origin, to - origin, row));
            model.Annotations.Add(new TextAnnotation
            {
                YAxisKey = "faults", Text = fault.Target, TextPosition = new DataPoint(ChaosClock.Seconds(((fault.Started + to) / 2) - origin), row),
                TextVerticalAlignment = VerticalAlignment.Middle, StrokeThickness = 0, FontSize = 9,
            });
        }

        model.Series.Add(bars);
    }

    private static LinearAxis Rows(string key, double from, double to, string title, IReadOnlyList<string> names) => new()
    {
        Key = key, Position = AxisPosition.Left, StartPosition = from, EndPosition = to, Minimum = -0.6, Maximum = Math.Max(0, names.Count - 1) + 0.6, Title = title,
        MajorStep = 1, MinorTickSize = 0, MajorGridlineStyle = LineStyle.Dot, FontSize = 9, AxisTitleDistance = 60,
        LabelFormatter = row => row >= 0 && row < names.Count && row == Math.Floor(row) ? names[(int)row] : "",
    };

    private static RectangleBarItem Bar(long from, long to, int row) =>
        new(ChaosClock.Seconds(from), row - BarHalf, ChaosClock.Seconds(to), row + BarHalf);
}
