// What a dashboard of grafana/dashboards may be: Grafana's own types, as JSON spells them.
//
// Closed: a key that is not here is a key that Grafana does not read.  A query is Prometheus's,
// which the package has no type of.
import type {
  Dashboard, DataSourceRef, FieldColor, GraphFieldConfig, GridPos, TableFieldOptions,
  ThresholdsConfig, ValueMapping, VariableModel,
} from "@grafana/schema";
import type { Options as BarOptions } from "@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen.d.ts";
import type { Options as StatOptions } from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type { Options as TableOptions } from "@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts";
import type { Options as LineOptions } from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";

/** Enumerations as the words that they stand for, all the way down. */
type Words<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends readonly (infer Each)[]
      ? Words<Each>[]
      : { [Key in keyof T]: Words<T[Key]> };

interface Query {
  refId: string;
  datasource: DataSourceRef;
  expr: string;
  legendFormat: string;
  format?: "time_series" | "table" | "heatmap";
  instant?: boolean;
  range?: boolean;
}

interface Link {
  title: string;
  url: string;
  targetBlank?: boolean;
}

interface Field<Custom> {
  unit: string;
  decimals?: number;
  min?: number;
  max?: number;
  noValue?: string;
  color?: FieldColor;
  thresholds?: ThresholdsConfig;
  mappings?: ValueMapping[];
  links?: Link[];
  custom?: Partial<Custom>;
}

/** What an override may set: a field's own key, or ``custom.`` and one of the panel's. */
interface Property {
  id: keyof Field<object> | "custom.cellOptions";
  value: unknown;
}

interface Override {
  matcher: { id: "byName" | "byRegexp" | "byFrameRefID"; options: string };
  properties: Property[];
}

interface Organise {
  id: "organize";
  options: {
    excludeByName: Record<string, boolean>;
    indexByName: Record<string, number>;
    renameByName: Record<string, string>;
  };
}

interface Merge {
  id: "merge";
  options: Record<string, never>;
}

interface Drawn<Type extends string, Options, Custom> {
  id: number;
  type: Type;
  title: string;
  description: string;
  datasource: DataSourceRef;
  gridPos: GridPos;
  fieldConfig: { defaults: Field<Custom>; overrides: Override[] };
  options: Partial<Options>;
  targets: Query[];
  transformations?: (Organise | Merge)[];
}

interface Row {
  id: number;
  type: "row";
  title: string;
  collapsed: boolean;
  gridPos: GridPos;
  panels: never[];
}

type Panel =
  | Row
  | Drawn<"stat", StatOptions, object>
  | Drawn<"bargauge", BarOptions, object>
  | Drawn<"timeseries", LineOptions, GraphFieldConfig>
  | Drawn<"table", TableOptions, TableFieldOptions>;

type Variable = Omit<VariableModel, "datasource"> & { datasource?: DataSourceRef };

type Whole = Omit<Dashboard, "panels" | "templating" | "id"> & {
  templating: { list: Variable[] };
  panels: Panel[];
};

export type Board = Words<Whole>;
