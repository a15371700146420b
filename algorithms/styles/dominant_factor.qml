<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16-Białowieża" styleCategories="Symbology|Labeling">
  <pipe-data-defined-properties>
    <Option type="Map">
      <Option type="QString" name="name" value=""/>
      <Option name="properties"/>
      <Option type="QString" name="type" value="collection"/>
    </Option>
  </pipe-data-defined-properties>
  <pipe>
    <provider>
      <resampling zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" enabled="false" maxOversampling="2"/>
    </provider>
    <rasterrenderer type="paletted" band="1" alphaBand="-1" opacity="1" nodataColor="">
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
        <cumulativeCutLower>0.02</cumulativeCutLower>
        <cumulativeCutUpper>0.98</cumulativeCutUpper>
        <stdDevFactor>2</stdDevFactor>
      </minMaxOrigin>
      <colorPalette>
        <paletteEntry alpha="255" value="0" color="#f2f2ec" label="none above the lowest score"/>
        <paletteEntry alpha="255" value="1" color="#b08d57" label="slope"/>
        <paletteEntry alpha="255" value="2" color="#7d6b9c" label="elevation"/>
        <paletteEntry alpha="255" value="3" color="#8fbf6a" label="land cover"/>
        <paletteEntry alpha="255" value="4" color="#d9d06a" label="NDVI"/>
        <paletteEntry alpha="255" value="5" color="#5b9bd0" label="distance to water"/>
        <paletteEntry alpha="255" value="6" color="#c4322b" label="motorways"/>
        <paletteEntry alpha="255" value="7" color="#ee9a4d" label="highways"/>
        <paletteEntry alpha="255" value="8" color="#f3d34a" label="night light"/>
        <paletteEntry alpha="255" value="9" color="#4a2c5e" label="mines"/>
        <paletteEntry alpha="255" value="10" color="#6fb8b0" label="1st added factor"/>
        <paletteEntry alpha="255" value="11" color="#3e8f86" label="2nd added factor"/>
        <paletteEntry alpha="255" value="12" color="#1f5f58" label="3rd added factor"/>
      </colorPalette>
    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
    <huesaturation saturation="0" colorizeGreen="128" colorizeBlue="128" colorizeStrength="100" colorizeRed="255" invertColors="0" grayscaleMode="0" colorizeOn="0"/>
    <rasterresampler maxOversampling="2"/>
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
